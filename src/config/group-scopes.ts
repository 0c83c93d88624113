import { Type } from 'typebox'

/** Groups and the scopes of their members: `contractors=orders:read user:read; support=orders:read`. */
export const groupScopes = {
  schema: Type.Union([
    Type.Undefined(),
    Type.Readonly(
      Type.Record(Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 })), { minProperties: 1 }),
    ),
  ]),
  expected: 'groups and their scopes, such as contractors=orders:read user:read; support=orders:read',
  parse(value: string) {
    const groups = value.split(';').filter(group => group.trim() !== '')
    const pairs = groups.map(group => /^\s*([^=]*[^=\s])\s*=(.*)$/.exec(group))
    if (!pairs.every(pair => pair !== null)) return undefined
    return Object.fromEntries(pairs.map(([, name, scopes]) => [name, (scopes as string).split(/\s+/).filter(Boolean)]))
  },
}
