import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { top } from '../../bin/repo/shell.mjs';
import { tasks } from '../../bin/repo/tasks.mjs';

const folder = join(top, '.github/workflows');
const workflows = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
const { scripts } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

describe('the workflows', () => {
  it.each(workflows)('run root scripts, as anybody can', (workflow) => {
    const called = [...workflow.matchAll(/npm (?:run )?(\S+?)[ }]*$/gm)].map(([, name]) => name);
    expect(called.length).toBeGreaterThan(0);
    for (const name of called) expect(Object.keys(scripts)).toContain(name);
  });

  it.each(workflows)(
    'name every action by its commit, and grant nothing by default',
    (workflow) => {
      const actions = [...workflow.matchAll(/uses: (.*)$/gm)].map(([, action]) => action);
      expect(actions.length).toBeGreaterThan(0);
      for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      expect(workflow).toContain('\npermissions: {}\n');
    },
  );
});

describe('the root scripts', () => {
  it('are the tasks, each by its own name', () => {
    const named = Object.entries(scripts).filter(([, command]) => command.includes('repo.mjs'));
    expect(named.map(([name]) => name).sort()).toEqual(Object.keys(tasks).sort());
    for (const [name, command] of named) expect(command.endsWith(`repo.mjs ${name}`)).toBe(true);
  });
});
