import type { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }

/** The command of the package `postern-guard`, with its own flags, for where this package is installed anyway. */
export function guardCommand(postern: Command): void {
  postern
    .command('guard [flags...]')
    .description('Run the sidecar, which checks tokens for a proxy in front of an API. The same as npx postern-guard.')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (flags: string[]) => {
      const { runSidecar } = await import('../../packages/guard/src/sidecar/run.ts')
      const code = await runSidecar(flags, { command: 'postern guard', version: packageJson.version })
      if (code !== 0) process.exit(code)
    })
}
