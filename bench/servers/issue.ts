import { answer, usageCall } from '../processes.ts'
import { type BareInserts, createBareInserts, type Inserts } from './bare-inserts.ts'
import { openServer } from './server.ts'

const server = await openServer()
const { config, db } = server.postern
let bare: BareInserts | undefined

/** Inserts rows by `pg` alone, in this process, so that both sides run in the same one. */
async function insertBare(input: Inserts) {
  bare ??= await createBareInserts(config.databaseUrl!, input.concurrency)
  return bare.run(input)
}

/** The number of stored tokens, which shows whether a response was sent before its row was committed. */
async function count(): Promise<number> {
  const [row] = await db.query<{ count: number }>('select count(*)::int as count from oauth_access_tokens')
  return row!.count
}

export const calls = answer(
  { listen: server.listen, issue: server.issue, usage: usageCall(), insertBare, count },
  async () => {
    await bare?.close()
    await server.app.close()
  },
)
