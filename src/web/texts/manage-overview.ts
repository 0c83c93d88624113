/** Texts of the overview of the administration. */
export const overview = {
  title: 'Administration',
  days: { 30: '30 days', 90: '90 days' } as Readonly<Record<number, string>>,
  span: 'Period',
  ahead: 'Day {n} from now',
  table: 'Show as table',
  day: 'Day',
  highest: 'max {n}',
  attention: {
    title: 'Needs attention',
    show: 'Show',
    expiring: { one: '{n} token expires within 7 days', other: '{n} tokens expire within 7 days' },
    idle: {
      one: '{n} active token has not been used for 90 days, or never',
      other: '{n} active tokens have not been used for 90 days, or never',
    },
    neverUsed: {
      one: '{n} active token that was created more than 30 days ago has never been used',
      other: '{n} active tokens that were created more than 30 days ago have never been used',
    },
    userRefused: {
      one: '{name}: {n} failed sign-in since yesterday',
      other: '{name}: {n} failed sign-ins since yesterday',
    },
    clientRefused: {
      one: '{name} failed to authenticate {n} time since yesterday',
      other: '{name} failed to authenticate {n} times since yesterday',
    },
    reused: {
      one: '{name}: a code or refresh token was reused {n} time since yesterday',
      other: '{name}: codes or refresh tokens were reused {n} times since yesterday',
    },
    operationRunning: 'Revoking tokens: {progress}',
    operationFailed: 'Revoking tokens failed: {progress}',
    failedSignIns: { one: '{n} failed sign-in today', other: '{n} failed sign-ins today' },
  },
  charts: {
    live: { title: 'Active tokens', detail: '{n} now', note: 'at the end of each day' },
    issued: { title: 'Tokens issued', detail: '{n} total', note: 'per day, new and refreshed' },
    revoked: { title: 'Tokens revoked', detail: '{n} total', note: 'per day' },
    expiring: { title: 'Tokens that will expire', detail: '{n} total', note: 'per day, from now on' },
    failedSignIns: { title: 'Failed sign-ins', detail: '{n} total', note: 'per day' },
  },
  explain: 'Days start at midnight UTC. Pruned tokens are not counted as active. Figures may be up to a minute old.',
}
