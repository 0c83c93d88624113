import { defineEntity, p } from '@mikro-orm/postgresql'

const SubjectSchema = defineEntity({
  name: 'Subject',
  tableName: 'oauth_subjects',
  properties: {
    /** SHA-256 of the id that tokens contain. */
    hash: p.blob().primary(),
    kind: p.string().length(8).$type<'user' | 'client'>(),
    /** The row of the user or client. */
    rowId: p.uuid(),
  },
})

/**
 * Whom an id in tokens names (`sub`, `client_id`). Triggers of users and clients write these rows, so that no id can name two
 * of them.
 */
export class Subject extends SubjectSchema.class {}
SubjectSchema.setClass(Subject)
