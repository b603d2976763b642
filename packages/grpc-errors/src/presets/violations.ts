import { readSafely, textIn } from '../core/read-safely.js';

/** How names of fields are written: as proto files have them, as JSON has them, or as they come. */
export type FieldCase = 'snake' | 'camel' | 'as-is';

/** What is wrong with one field of a request. */
export interface Violation {
  /** `items[2].unit_price`. */
  readonly field: string;
  readonly description: string;
  /** UPPER_SNAKE name of the rule, where it has one. */
  readonly reason?: string;
}

type Path = readonly (string | number)[];

/** Deeper than anything validated in earnest: what refers to itself has an end, too. */
const MAX_DEPTH = 16;

/**
 * What validation has found, by shape: errors of class-validator, the issues of a Standard Schema (zod, valibot, arktype), or the lines that
 * Nest's `ValidationPipe` makes of the former. Undefined where it is none of these. At most `limit`.
 */
export function violationsIn(
  found: unknown,
  fieldCase: FieldCase,
  limit: number,
): Violation[] | undefined {
  const all: Violation[] = [];
  const add = (path: Path, description: string, rule?: string): void => {
    if (all.length >= limit) return;
    const reason = rule === undefined ? undefined : upperSnake(rule);
    const field = fieldOf(path, fieldCase);
    all.push({ field, description, ...(reason !== undefined && reason !== '' && { reason }) });
  };
  const issues = readSafely(found, 'issues') ?? found;
  if (Array.isArray(issues) && issues.every(isIssue)) addIssues(issues, add);
  else if (Array.isArray(found) && found.length > 0 && found.every(isClassValidator))
    for (const one of found) addNested(one, [], add, 0);
  else if (
    Array.isArray(found) &&
    found.length > 0 &&
    found.every((one) => typeof one === 'string')
  )
    for (const line of found as string[]) add(pathIn(line), line);
  else return undefined;
  return all.length > 0 ? all : undefined;
}

type Add = (path: Path, description: string, rule?: string) => void;

/** No error: its words may be of the inside. */
const isIssue = (one: unknown): boolean =>
  typeof readSafely(one, 'message') === 'string' && !(one instanceof Error);

function addIssues(issues: readonly unknown[], add: Add): void {
  for (const issue of issues) {
    const path = readSafely(issue, 'path');
    const keys = Array.isArray(path) ? path.map(keyIn) : [];
    add(keys, textIn(issue, 'message') ?? 'is not valid', textIn(issue, 'code'));
  }
}

/** Standard Schema has keys as they are, or objects with the key in them. */
function keyIn(segment: unknown): string | number {
  const key = readSafely(segment, 'key') ?? segment;
  return typeof key === 'number' ? key : String(key);
}

const isClassValidator = (one: unknown): boolean =>
  typeof readSafely(one, 'property') === 'string' &&
  (readSafely(one, 'constraints') !== undefined || readSafely(one, 'children') !== undefined);

function addNested(error: unknown, above: Path, add: Add, depth: number): void {
  const property = textIn(error, 'property') ?? '';
  const path = [...above, /^\d+$/.test(property) ? Number(property) : property];
  const constraints = readSafely(error, 'constraints');
  if (typeof constraints === 'object' && constraints !== null)
    for (const rule of Object.keys(constraints))
      add(path, textIn(constraints, rule) ?? 'is not valid', rule);
  const children = readSafely(error, 'children');
  if (Array.isArray(children) && depth < MAX_DEPTH)
    for (const child of children) addNested(child, path, add, depth + 1);
}

/** The lines of `ValidationPipe` begin with the path: `items.2.sku must be a string`. */
function pathIn(line: string): Path {
  const [, path] =
    /^(?:each value in )?([\w$]+(?:\.[\w$]+)*) (?:must|should|has|is|contains)\b/.exec(line) ?? [];
  return (path?.split('.') ?? []).map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}

function fieldOf(path: Path, fieldCase: FieldCase): string {
  let field = '';
  for (const key of path) {
    if (typeof key === 'number') field += `[${key}]`;
    else field += `${field === '' ? '' : '.'}${inCase(key, fieldCase)}`;
  }
  return field;
}

function inCase(name: string, fieldCase: FieldCase): string {
  if (fieldCase === 'as-is') return name;
  if (fieldCase === 'camel')
    return name.replace(/_+([a-z\d])/g, (_, letter: string) => letter.toUpperCase());
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

const upperSnake = (name: string): string =>
  inCase(name, 'snake')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 63);
