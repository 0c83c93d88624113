import { InvalidArgumentError } from 'commander'
import { MAX_SECONDS, parseDuration } from '../config/duration.ts'
import { isUuid } from '../text/uuid.ts'

export interface JsonOption {
  json?: boolean
}

/** The flag of every command. */
export const JSON_OPTION = ['--json', 'output JSON'] as const

/** Examples at the end of a command's help. */
export const examples = (...lines: string[]) => `\nExamples:\n${lines.map(line => `  $ ${line}`).join('\n')}`

/** @returns seconds */
export function durationOption(text: string): number {
  const seconds = parseDuration(text)
  if (seconds !== undefined) return seconds
  throw new InvalidArgumentError('It must be a duration such as 30d, 12h or P1Y, of at most 100 years.')
}

export function hoursOption(text: string): number {
  const hours = Number(text)
  if (text.trim() !== '' && hours >= 0 && hours <= MAX_SECONDS / 3_600) return hours
  throw new InvalidArgumentError('It must be a number of hours, from 0 to 100 years.')
}

export function idArgument(text: string): string {
  if (isUuid(text)) return text
  throw new InvalidArgumentError('It must be an ID from the list command.')
}

const MAX_COUNT = 10_000

export function countOption(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_COUNT}.`)
}
