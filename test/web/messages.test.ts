import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runInLanguage } from '../../src/text/language.ts'
import { translateMessage } from '../../src/web/messages.ts'

const SOURCES = join(import.meta.dirname, '../../src')
/** Where the errors that forms show come from. */
const FILES =
  'errors/errors.ts {users,text,tokens}/*.ts clients/{uris,rules,audiences,clients,blocked-hosts}.ts trusts/rules.ts'
/** What only callers of the API can do wrong. */
const API_ONLY =
  /requesting token|requesting tokens|this token was issued to an app|belongs to a client|alias of name|cannot be combined with expires_in|DATABASE_LISTEN_URL|that issued this one|tokens:rotate|issue or rotate|the token must be|app itself|has no family/

const literals = (text: string) =>
  [
    ...text.matchAll(
      /(?:message:|detail:|(?:conflict|forbidden|badRequest|SignInRefused)\()\s*(['`])((?:(?!\1).)+)\1/gs,
    ),
  ]
    .map(([, , message = '']) => message.replaceAll(/\$\{[^}]*\}/g, 'x'))
    .filter(message => /\w \w/.test(message))

const german = (message: string) => runInLanguage('de', () => translateMessage(message))

t.test('the messages of errors that forms show are translated', async t => {
  const files = FILES.split(' ').flatMap(pattern => globSync(pattern, { cwd: SOURCES }))
  const messages = files.flatMap(file => literals(readFileSync(join(SOURCES, file), 'utf8')))
  t.ok(messages.length > 50)
  t.strictSame(
    // Half of a message, which continues on the next line.
    messages.filter(message => !/ $/.test(message) && !API_ONLY.test(message) && german(message) === message),
    [],
  )
})

t.test('values are taken over as they are', async t => {
  t.equal(german('must have at least 8 characters'), 'muss mindestens 8 Zeichen lang sein')
  t.equal(german('$& (a) is disabled.'), '$& (a) ist deaktiviert.')
  t.equal(german('something that nobody translated'), 'something that nobody translated')
  t.equal(translateMessage('is taken'), 'is taken', 'English stays as it is')
})
