/** Texts of the page that shows a revocation of many tokens. */
export const operations = {
  notices: {
    operationCancelled: {
      one: 'Stopped. 1 token was revoked.',
      other: 'Stopped. {count} tokens were revoked.',
    },
  },
  title: 'Revoking tokens',
  status: { running: 'In progress', succeeded: 'Done', failed: 'Failed', cancelled: 'Stopped' },
  ofTotal: { one: '{done} of about {n} token revoked', other: '{done} of about {n} tokens revoked' },
  revoked: { one: '1 token revoked', other: '{n} tokens revoked' },
  detail: {
    running: 'You can leave this page. The server continues.',
    succeeded: 'All of them are revoked.',
    failed: 'The server could not go on. Its log says why. Start again to revoke the rest.',
    cancelled: 'The tokens that were revoked stay revoked. Start again to revoke the rest.',
  },
  stop: 'Stop',
  reload: 'Reload',
  back: 'Back',
}
