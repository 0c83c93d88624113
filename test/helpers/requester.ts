import type { FastifyInstance, LightMyRequestResponse } from 'fastify'

type Ask = (url: string, payload?: object) => Promise<LightMyRequestResponse>

export interface Requester {
  get: Ask
  post: Ask
  put: Ask
  patch: Ask
  delete: Ask
}

/** Asks the API as whoever these headers belong to; nobody without them. */
export function requester(app: FastifyInstance, headers: Record<string, string> = {}): Requester {
  const by =
    (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'): Ask =>
    (url, payload) =>
      app.inject({ method, url, headers, ...(payload && { payload }) })
  return { get: by('GET'), post: by('POST'), put: by('PUT'), patch: by('PATCH'), delete: by('DELETE') }
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
