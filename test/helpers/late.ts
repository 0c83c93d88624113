/**
 * Says whether this many milliseconds are over. A property asks it first, so that a slow machine tries fewer inputs;
 * fast-check's own limit would leave the one that runs in the middle, while the test ends around it.
 */
export function lateAfter(limit: number): () => boolean {
  const end = performance.now() + limit
  return () => performance.now() > end
}
