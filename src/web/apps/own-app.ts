import type { FastifyRequest } from 'fastify'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { idOf } from '../query.ts'
import { signedInOf } from '../signed-in.ts'

/** The user's own app, by the id in the URL. @throws 404 for an app of another user */
export const ownApp = (clients: Clients, request: FastifyRequest): Promise<Client> =>
  clients.find(idOf(request), signedInOf(request).user.id)
