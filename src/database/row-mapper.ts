import type { EntityMetadata } from '@mikro-orm/postgresql'

/** Maps rows for read-only use: a managed entity costs several times as much. */
export interface RowMapper<T> {
  /** The select list: the columns of the table `alias`. */
  columns(alias: string): string
  /** Maps a row to a plain object with the entity's properties. Times may be in the format of PostgreSQL or of JSON. */
  toEntity(row: Record<string, unknown>): T
}

/** Creates a mapper for one entity, without its hidden properties, and without those that a list does not need. */
export function createRowMapper<T extends object, Hidden extends keyof T>(
  { props }: EntityMetadata<T>,
  leftOut: readonly (keyof T)[] = [],
): RowMapper<Omit<T, Hidden>> {
  const visible = props
    .filter(({ hidden, name }) => !hidden && !leftOut.includes(name))
    .map(({ name, fieldNames, runtimeType }) => ({ name, column: fieldNames[0]!, isTime: runtimeType === 'Date' }))
  return {
    columns: alias => visible.map(({ column }) => `${alias}.${column}`).join(', '),
    toEntity(row) {
      const entity: Record<string, unknown> = {}
      for (const { name, column, isTime } of visible) {
        const value = row[column]
        entity[name] = isTime && value !== null ? new Date(value as string) : value
      }
      return entity as Omit<T, Hidden>
    },
  }
}
