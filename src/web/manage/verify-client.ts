import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Client } from '../../clients/client.entity.ts'
import { dataUrl } from '../../clients/png.ts'
import type { Looked, Preview, Verifications } from '../../clients/verifications.ts'
import type { Params } from '../../grants/grant.ts'
import type { AppPages } from '../apps/app-secrets.ts'
import { logoSize } from '../client-logos.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { phrase } from '../phrase.ts'
import { texts } from '../texts.ts'

export interface VerifyClientOptions {
  pages: AppPages
  verifications: Verifications
}

const text = texts.manage.clients

/** Verifies the name and the logo of an app, and withdraws that. */
export function verifyClients({ pages, verifications }: VerifyClientOptions): FastifyPluginAsync {
  const { site, frame, find } = pages
  const path = site.base + pages.path

  /** Shows what would be verified; only that can be confirmed. */
  async function confirmPage(reply: FastifyReply, client: Client, refusal?: FormError) {
    try {
      const preview = await verifications.preview(client.id)
      return page(reply, preview.client, preview, refusal)
    } catch (error) {
      return page(reply, client, undefined, formErrorOf(error))
    }
  }

  function page(reply: FastifyReply, client: Client, preview?: Preview, refusal?: FormError) {
    const { title, question, detail, submit } = text.verify
    return reply.page('confirm-action.eta', {
      title,
      ...frame,
      headingHtml: phrase(question, { name: client.name }),
      detail,
      facts: factsOf(client),
      logo: preview?.logo && { src: dataUrl(preview.logo), ...logoSize(preview.logo) },
      hidden: preview && fieldsOf(preview),
      submit: preview && submit,
      safe: true,
      action: `${path}/${client.id}/verify`,
      back: `${path}/${client.id}`,
      refusal,
    })
  }

  return async app => {
    app.get('/clients/:id/verify', async (request, reply) => confirmPage(reply, await find(request)))

    app.post('/clients/:id/verify', async (request, reply) => {
      const client = await find(request)
      try {
        await verifications.verify(client.id, lookedAt((request.body ?? {}) as Params))
      } catch (error) {
        return confirmPage(reply, client, formErrorOf(error))
      }
      return reply.redirectTo(`${pages.path}/${client.id}`, 'clientVerified', { name: client.name })
    })

    app.post('/clients/:id/unverify', async (request, reply) => {
      const { id, name } = await find(request)
      await verifications.withdraw(id)
      return reply.redirectTo(`${pages.path}/${id}`, 'clientUnverified', { name })
    })
  }
}

const fieldsOf = ({ print, logoHash }: Looked) => ({ print, logo: logoHash ?? '' })
const lookedAt = ({ print = '', logo = '' }: Params): Looked => ({ print, logoHash: logo || null })

function factsOf({ id, metadataUrl, metadata, redirectUris }: Client) {
  const fact = (name: string, value: unknown) =>
    typeof value === 'string' && value !== '' ? [{ name, html: phrase('{value}', { value }) }] : []
  return [
    ...fact(text.id, metadataUrl ?? id),
    ...fact(text.website, metadata?.client_uri),
    ...fact(text.logo, metadata?.logo_uri),
    ...fact(text.redirectUris, redirectUris.join(', ')),
  ]
}
