import type { OutboxFinding } from '@acme/nest-outbox';
import { cli, cliJson, type CliOptions } from './cli.js';

/** Runs `nest-outbox doctor`: its findings by their codes, and what the process ended with. */
export async function doctor(url: string, args: readonly string[] = [], options?: CliOptions) {
  const { exit, answer, error } = await cliJson(['doctor', '--url', url, ...args], options);
  const { findings = [], healthy } = (answer ?? {}) as {
    findings?: OutboxFinding[];
    healthy?: boolean;
  };
  return {
    exit,
    healthy,
    error,
    codes: [...new Set(findings.map(({ code }) => code))],
    findings,
    of: (code: string): OutboxFinding[] => findings.filter((finding) => finding.code === code),
  };
}

/** The same for people. */
export const doctorText = (url: string, args: readonly string[] = []) =>
  cli(['doctor', '--url', url, ...args]);
