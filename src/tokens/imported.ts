import { importedFormat } from '../../packages/guard/src/imported-text.ts'
import { verifyImportedJwt } from '../imported/jwt.ts'
import type { ImportSource } from '../imported/source.entity.ts'
import type { ImportSources } from '../imported/sources.ts'
import { hashSecret } from '../security/secrets.ts'
import type { AdoptClaims } from './adopt-claims.ts'
import type { TokenRecord, TokenRecords } from './records.ts'

/** The token that a text of another system names. */
export interface ImportedToken {
  /** undefined: no token that was imported. */
  record: TokenRecord | undefined
  /** When the text itself expires, in milliseconds since the epoch. */
  expiresAt: number
}

export interface ImportedTexts {
  /** Whether another system may have issued the text. Needs no request to the database. */
  isPossible(text: string): boolean
  /**
   * @returns undefined if no tokens of this format were imported, so that the text is no concern of an import
   * @throws 401 for a JWT that has expired
   */
  find(text: string): Promise<ImportedToken | undefined>
}

/** `{id}|{secret}` of Sanctum; only the first bar separates. */
const WITH_ID = /^(\d{1,20})\|(.+)$/
const NEVER = Number.POSITIVE_INFINITY

/** Finds tokens that were imported, by the texts that the other system issued. */
export function createImportedTexts(
  sources: ImportSources,
  records: TokenRecords,
  adoptClaims: AdoptClaims,
): ImportedTexts {
  /** Only the part behind the bar was hashed. The id must be that of its row, as in the original. */
  function findOpaque(text: string, from: readonly ImportSource[]): Promise<TokenRecord | undefined> {
    const [, id, secret] = (from.some(({ system }) => system === 'sanctum') && WITH_ID.exec(text)) || []
    if (id === undefined || secret === undefined) return records.findByText(text)
    return records.findImported(id, hashSecret(secret))
  }

  /** Its signature proves who issued it; its user, and whether it is valid, is what the row says. */
  async function findJwt(text: string, from: readonly ImportSource[]): Promise<ImportedToken> {
    const jwt = await verifyImportedJwt(text, from)
    // Doorkeeper can be made to generate JWTs, which it stores like any other text.
    if (!jwt) return { record: await records.findByText(text), expiresAt: NEVER }
    const record = await records.findImportedJwt(jwt.source.name, jwt.jti)
    const adopted = record && (await adoptClaims(jwt, record))
    return { record: adopted ? await records.find(record.token.id) : record, expiresAt: jwt.expiresAt }
  }

  return {
    isPossible: text => importedFormat(text) !== undefined,
    async find(text) {
      const formats = await sources.formats()
      const format = importedFormat(text)
      if (format === undefined || !formats.includes(format)) return undefined
      const from = await sources.all()
      return format === 'jwt' ? findJwt(text, from) : { record: await findOpaque(text, from), expiresAt: NEVER }
    },
  }
}
