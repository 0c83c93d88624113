// The users of the shop, in its own table. Postern never copies them.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { PGlite } from '@electric-sql/pglite'
import { Pool } from 'pg'

export interface Customer {
  id: string
  name: string
  email: string
  admin: boolean
  disabled: boolean
}

const derive = promisify(scrypt) as (password: string, salt: Buffer, length: number) => Promise<Buffer>
const COLUMNS = 'id::text as id, name, email, admin, disabled'

interface Db {
  query(sql: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  close(): Promise<void>
}

function open(url: string | undefined): Db {
  if (!url) return new PGlite()
  const pool = new Pool({ connectionString: url })
  return { query: (sql, values) => pool.query(sql, values), close: () => pool.end() }
}

/** @param url of a PostgreSQL; without it, an embedded one in memory */
export async function openCustomers(url: string | undefined) {
  const db = open(url)
  await db.query(`create table if not exists customers (
    id bigserial primary key, name text not null, email text not null unique, salt bytea not null,
    password bytea not null, admin boolean not null default false, disabled boolean not null default false)`)

  async function first(sql: string, values: unknown[]): Promise<Record<string, unknown> | undefined> {
    return (await db.query(sql, values)).rows[0] as Record<string, unknown> | undefined
  }

  return {
    async register(name: string, email: string, password: string): Promise<Customer> {
      const salt = randomBytes(16)
      const values = [name, email, salt, await derive(password, salt, 32)]
      const insert = `insert into customers (name, email, salt, password) values ($1, $2, $3, $4) returning ${COLUMNS}`
      return (await first(insert, values)) as unknown as Customer
    },
    /** Postern calls this when it has to know who `id` is. An id that is no number is nobody's. */
    async find(id: string): Promise<Customer | undefined> {
      if (!/^[1-9]\d{0,17}$/.test(id)) return undefined
      return (await first(`select ${COLUMNS} from customers where id = $1`, [id])) as Customer | undefined
    },
    /** @returns the id of the customer; undefined: the address or the password is wrong */
    async signIn(email: string, password: string): Promise<string | undefined> {
      const row = await first('select id::text as id, salt, password from customers where email = $1', [email])
      const salt = Buffer.from((row?.salt as Uint8Array | undefined) ?? randomBytes(16))
      const derived = await derive(password, salt, 32)
      if (!row || !timingSafeEqual(derived, Buffer.from(row.password as Uint8Array))) return undefined
      return row.id as string
    },
    disable: (id: string) => db.query('update customers set disabled = true where id = $1', [id]),
    remove: (id: string) => db.query('delete from customers where id = $1', [id]),
    close: () => db.close(),
  }
}

export type Customers = Awaited<ReturnType<typeof openCustomers>>
