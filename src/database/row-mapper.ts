import type { EntityMetadata } from '@mikro-orm/postgresql'

/** How rows are read that are only shown: an entity that is kept track of costs several times as much. */
export interface RowMapper<T> {
  /** What to select: the columns of `alias`. */
  columns(alias: string): string
  /** A row as a plain object with the properties of its entity; times may come as PostgreSQL or as JSON writes them. */
  toEntity(row: Record<string, unknown>): T
}

/** Rows of one entity, but for what it hides. */
export function createRowMapper<T extends object, Hidden extends keyof T>({
  props,
}: EntityMetadata<T>): RowMapper<Omit<T, Hidden>> {
  const visible = props
    .filter(({ hidden }) => !hidden)
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
