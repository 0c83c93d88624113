/** What a header of content negotiation (RFC 9110 §12.5) names without refusing it, by `q=0`; in no order. */
export const namedIn = (header: string | string[] = ''): string[] =>
  String(header)
    .split(',')
    .filter(part => !/;\s*q=0(\.0*)?\s*$/.test(part))
    .map(part => part.split(';', 1)[0]!.trim().toLowerCase())
