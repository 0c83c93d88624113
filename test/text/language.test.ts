import t from 'tap'
import { inCurrentLanguage, runInLanguage, toLanguage } from '../../src/text/language.ts'

const texts = inCurrentLanguage({
  en: { save: 'Save', form: { name: 'Name', cancel: 'Cancel' } },
  de: { save: 'Speichern', form: { name: 'Name', cancel: 'Abbrechen' } },
})

t.test('texts are read in the language of the request, and in English outside of one', async t => {
  const { form } = texts
  t.equal(texts.save, 'Save')
  t.equal(
    runInLanguage('de', () => texts.save),
    'Speichern',
  )
  t.equal(
    runInLanguage('de', () => form.cancel),
    'Abbrechen',
    'also by a part that was taken out before',
  )
  const both = await Promise.all([
    runInLanguage('de', () => Promise.resolve().then(() => form.cancel)),
    runInLanguage('en', () => Promise.resolve().then(() => form.cancel)),
  ])
  t.strictSame(both, ['Abbrechen', 'Cancel'], 'concurrent requests do not mix')
})

t.test('texts are listed like those of one language', async t => {
  t.strictSame(Object.keys(texts.form), ['name', 'cancel'])
  t.strictSame(
    runInLanguage('de', () => Object.values(texts.form)),
    ['Name', 'Abbrechen'],
  )
})

t.test('only known languages are accepted', async t => {
  t.equal(toLanguage('de'), 'de')
  for (const other of ['fr', 'DE', '', undefined, ['de']]) t.equal(toLanguage(other), undefined)
})
