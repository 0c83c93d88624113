import t from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import { createKeyRing } from '../../src/security/key-ring.ts'
import { createStatusIndexAllocator } from '../../src/status/indices.ts'
import { createListKeys } from '../../src/status/list-keys.ts'
import { openTestDatabase } from '../helpers/database.ts'

/** Has `+`, `/` and padding in base64, so that each way to write it is another text. */
const KEY = Buffer.from(`fb${'ff'.repeat(30)}fe`, 'hex')
const SPELLINGS = [
  KEY.toString('base64'),
  KEY.toString('base64').replaceAll('=', ''),
  KEY.toString('base64url'),
  `${KEY.toString('base64url')}=`,
]

t.test('with every encoding of APP_KEY, no two tokens get the same status reference', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  t.equal(new Set(SPELLINGS).size, SPELLINGS.length)
  const expiresAt = new Date(Date.now() + 60_000)
  const given: string[] = []
  for (const spelling of SPELLINGS) {
    const { appKey } = loadConfig({ APP_KEY: spelling })
    t.equal(appKey, SPELLINGS[0], 'one spelling is left')
    const indices = createStatusIndexAllocator(db, createListKeys(db, createKeyRing(appKey)), 3_600)
    for (let i = 0; i < 500; i++) {
      const { list, index } = await indices.take(expiresAt)
      given.push(`${list} ${index}`)
    }
  }
  t.equal(new Set(given).size, given.length)
})
