import type { FastifyPluginAsync } from 'fastify'

/** Names of design tokens (`assets/tokens.css`), to look at. */
const COLORS = 'canvas surface sunken hover line line-strong ink ink-muted brand accent danger caution success'.split(
  ' ',
)
const SIZES = 'text-s text-m text-l text-xl text-2xl'.split(' ')

const SCOPES = [
  'orders:read',
  'orders:create',
  'orders:cancel',
  'reports',
  'reports:export',
  'tokens:rotate',
  'user:read',
]

const row = (name: string, state: string, kind: string, scopes: string[]) => ({ name, state, kind, scopes })

/** What the page shows of each component. It is for people who write pages, so it is in English only. */
const SAMPLES = {
  colors: COLORS,
  sizes: SIZES,
  names: {
    tokens: 'Design tokens',
    header: 'Page header with actions',
    notices: 'Notice',
    status: 'Status badge',
    chips: 'Scope chips that fold',
    table: 'Data table',
    facts: 'Definition list',
    field: 'Form field with hint and error',
    buttons: 'Buttons',
    empty: 'Empty state',
    confirm: 'Confirmation with facts',
    secret: 'Secret reveal',
    tabs: 'Tabs',
    pager: 'Pager',
  },
  rows: [
    row('deploy', 'Active', 'active', SCOPES),
    row(
      'nightly build of the shop with a name that is long enough to wrap',
      'Suspended',
      'caution',
      SCOPES.slice(0, 2),
    ),
    row('دفتر الطلبات', 'Revoked', 'danger', []),
    row('注文レポート', 'Expired', '', ['reports']),
  ],
  scopes: SCOPES,
  texts: {
    lead: 'One sentence about what the page is for.',
    primary: 'Create token',
    secondary: 'Audit log',
    danger: 'Revoke token',
    cancel: 'Cancel',
    back: 'All tokens',
    notice: 'The token was updated.',
    warning: 'Copy the token now. It is not stored and will not be shown again.',
    refusal: 'The e-mail address or the password is wrong.',
    columns: ['Name', 'Status', 'Scopes'],
    none: 'None',
    label: 'Name',
    hint: 'What the token is for, such as “deploy” or “laptop”.',
    error: 'Enter a name for the token.',
    emptyTitle: 'You have no tokens yet.',
    emptyText: 'Create one token for each program that acts for you.',
    question: 'Revoke deploy?',
    detail: 'The token stops working immediately. This cannot be undone.',
    copy: 'Copy',
    tabs: ['Authorized apps', 'Your apps'],
    first: 'First page',
    next: 'Next page',
  },
} as const

/** The components of the pages, for people who write them. */
export const componentsPage: FastifyPluginAsync = async app => {
  app.get('/dev/components', { schema: { hide: true } as never }, (_request, reply) =>
    reply.page('dev/components.eta', { title: 'Components', sample: SAMPLES }),
  )
}
