// Rules of this repository that no linter knows, as a plugin of oxlint.
import { dirname, join } from 'node:path';

/** Which of our own packages each published package may import. The five upper ones never import one another. */
const MAY_IMPORT = {
  'message-context': [],
  transaction: [],
  idempotency: ['message-context', 'transaction'],
  outbox: ['message-context', 'transaction'],
  rabbitmq: ['message-context'],
  'grpc-errors': ['message-context'],
  'event-versioning': ['message-context'],
};

const EDGE = /\.(module|decorator|guard|interceptor|filter|pipe|middleware|controller)\.js$/;

/** Calls `check` with every module that a file names: static and dynamic imports, re-exports, `require`, and types. */
const onImport = (check) => {
  const withSource = (node) => node.source && check(node, node.source.value);
  return {
    ImportDeclaration: withSource,
    ImportExpression: withSource,
    ExportAllDeclaration: withSource,
    ExportNamedDeclaration: withSource,
    TSImportType: withSource,
    CallExpression(node) {
      if (node.callee.name === 'require') check(node, node.arguments[0]?.value);
    },
  };
};

/** Where a file of a published package's sources stands: `{ root, name, inside }`; undefined for any other file. */
function placeOf(filename) {
  const [, root, name, inside] =
    /^(.*[\\/]packages[\\/]([\w-]+)[\\/]src)[\\/](.*)$/.exec(filename) ?? [];
  return name && !name.startsWith('internal-') ? { root, name, inside } : undefined;
}

function problemWith(specifier, { root, name, inside }, filename) {
  const inTesting = inside.startsWith('testing/');
  const inCore = inside.startsWith('core/');
  const ours = /^@acme\/(?:nest-)?([\w-]+)(\/testing)?/.exec(specifier);
  if (ours) {
    const allowed = MAY_IMPORT[name];
    if (!allowed) return `say in ${MAY_IMPORT_HERE} what "${name}" may import of ours`;
    if (!allowed.includes(ours[1])) {
      return `"${name}" may import ${allowed.join(' and ') || 'none'} of our packages, not ${specifier}`;
    }
    if (ours[2] && !inTesting) return `a test kit is for test kits; ${specifier} is not for src`;
  }
  if (inCore && specifier.startsWith('@nestjs/')) {
    return 'core knows nothing of Nest: take what you need as an argument';
  }
  if (!specifier.startsWith('.')) return undefined;
  const target = join(dirname(filename), specifier);
  if (!target.startsWith(root)) return `${specifier} leaves the package: import it by its name`;
  if (!inTesting && target.startsWith(join(root, 'testing'))) {
    return 'src does not use its own test kit: users who install the package would load it';
  }
  if (inCore && EDGE.test(target)) return 'core is below the Nest edges and imports none of them';
  return undefined;
}

const MAY_IMPORT_HERE = 'packages/internal-testing/bin/lint/house.mjs';

const imports = {
  create(context) {
    const { filename } = context;
    const place = placeOf(filename);
    if (!place) return {};
    return onImport((node, specifier) => {
      const message =
        typeof specifier === 'string' ? problemWith(specifier, place, filename) : undefined;
      if (message) context.report({ node, message });
    });
  },
};

const INJECTED = ['Injectable', 'Controller', 'Module', 'Catch'];
const decoratorsOf = (node) =>
  (node.decorators ?? []).map(({ expression }) => (expression.callee ?? expression).name ?? '');

/** Types do not survive every compiler, and an interface never does: every constructor parameter says its token. */
const explicitInject = {
  create(context) {
    if (!placeOf(context.filename)) return {};
    return {
      MethodDefinition(node) {
        if (node.kind !== 'constructor') return;
        const owner = node.parent.parent;
        if (!decoratorsOf(owner).some((name) => INJECTED.includes(name))) return;
        for (const parameter of node.value.params) {
          if (decoratorsOf(parameter).some((name) => name.startsWith('Inject'))) continue;
          context.report({ node: parameter, message: 'say what Nest injects here: @Inject(…)' });
        }
      },
    };
  },
};

export default {
  meta: { name: 'house' },
  rules: { imports, 'explicit-inject': explicitInject },
};
