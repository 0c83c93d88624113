/** The client that all benchmarked servers use. */
export const CLIENT = {
  id: 'bench',
  secret: 'kzVdGQHQ3JmYtn0tXQ1jVEXkq3cVXfLrXr0b1t5yO3k',
  scope: 'orders:read',
}
