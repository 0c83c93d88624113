import type { Helper } from './helper.ts'

/** `curl -H "$(postern token --for header)"`: RFC 6750 §2.1. */
export const header: Helper = async ({ token }) => `Authorization: Bearer ${(await token()).accessToken}\n`
