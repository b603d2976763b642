// The Nest 12 lane runs the specs of every published package, so it has whatever they have: derived here, not repeated
// by hand. What its own manifest says wins, and that is Nest in its twelfth version.
const { existsSync, readFileSync, readdirSync } = require('node:fs');
const path = require('node:path');

const packages = path.join(__dirname, 'packages');

function dependenciesOfSpecs() {
  const found = {};
  for (const folder of readdirSync(packages)) {
    const file = path.join(packages, folder, 'package.json');
    const manifest = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { private: true };
    if (manifest.private) continue;
    Object.assign(found, manifest.devDependencies, { [manifest.name]: 'workspace:*' });
  }
  return found;
}

module.exports = {
  hooks: {
    readPackage(manifest) {
      if (manifest.name !== '@acme/internal-nest12') return manifest;
      return {
        ...manifest,
        devDependencies: { ...dependenciesOfSpecs(), ...manifest.devDependencies },
      };
    },
  },
};
