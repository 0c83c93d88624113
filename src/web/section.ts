/** The part of the navigation that a page belongs to. */
export type Section = 'tokens' | 'apps' | 'account' | 'manage'
