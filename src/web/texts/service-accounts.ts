/** Texts of the pages of service accounts. */
export const serviceAccounts = {
  title: 'Service accounts',
  explain:
    'Service accounts own tokens that belong to no person, such as those of a build server. You are a maintainer of these.',
  lead: 'Tokens of this service account belong to no person. They keep working when you leave.',
  name: 'Name',
  description: 'Purpose',
  liveTokens: 'Active tokens',
  maintainers: 'Maintainers',
  disabled: 'This service account is disabled. Its tokens do not work until an administrator enables it.',
  disabledBadge: 'Disabled',
  none: 'You do not maintain any service accounts. Administrators create them.',
  noTokens: 'This service account has no tokens yet.',
  back: 'Your service accounts',
} as const
