import { answer } from '../processes.ts'
import { openServer } from './server.ts'

const server = await openServer()

export const calls = answer(
  {
    listen: () => {
      // As in a server that runs by itself.
      server.postern.listen()
      return server.listen()
    },
    /** A token of the user of the filled tokens that may revoke them, one of another user, and others of that one. */
    prepare: async (count: number) => {
      const { users, tokens } = server.postern
      const user = (await users.findByEmail('ada@example.com'))!
      const { plainText: owner } = await tokens.issuePersonal({
        user,
        name: 'all',
        scopes: ['tokens:read', 'tokens:write'],
      })
      const other = await users.create({ email: 'grace@example.com', name: 'Grace', password: 'correct horse battery' })
      const { plainText: checked } = await tokens.issuePersonal({ user: other, name: 'checked', scopes: [] })
      const single = Array.from({ length: count }, (_, i) =>
        tokens.issuePersonal({ user: other, name: `single ${i}`, scopes: [] }),
      )
      return { owner, checked, single: (await Promise.all(single)).map(({ plainText }) => plainText) }
    },
    /** The newest operation. */
    operation: async () => {
      const [newest] = await server.postern.operations.list({}, { limit: 1 })
      return newest && { status: newest.status, count: newest.count }
    },
  },
  () => server.app.close(),
)
