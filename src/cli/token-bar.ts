/**
 * Shows a progress bar of tokens on a terminal while `work` runs; elsewhere nothing.
 * @param total counts the tokens; called on a terminal only
 */
export async function withTokenBar<T>(
  total: () => Promise<number>,
  work: (onProgress?: (done: number) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY) return work()
  const { SingleBar, Presets } = await import('cli-progress')
  const bar = new SingleBar({ format: '{bar} {percentage}% | {value} of {total} tokens' }, Presets.rect)
  bar.start(await total(), 0)
  try {
    return await work(done => bar.update(done))
  } finally {
    bar.stop()
  }
}
