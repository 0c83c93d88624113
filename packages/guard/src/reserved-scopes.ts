/** Scopes in every catalogue: those of Postern's own routes. */
export type ReservedScope =
  | 'user:read'
  | 'tokens:read'
  | 'tokens:write'
  | 'tokens:rotate'
  | 'clients:read'
  | 'clients:write'
  | 'admin:read'
  | 'admin:write'
