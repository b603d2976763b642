import { EXIT } from '@acme/nest-message-context/cli';
import { catalogueMarkdown } from '../../catalogue/catalogue-markdown.js';
import type { Command } from '../command.js';
import { MODULE_HELP, MODULE_OPTIONS } from '../options.js';

export const catalogue: Command = {
  summary: 'Lists all errors, as Markdown',
  details: `${MODULE_HELP}
The same application gives the same text, so that it can be committed.`,
  options: MODULE_OPTIONS,
  async run({ open, doing }) {
    doing('loading the application');
    const { published } = await open();
    return { exit: EXIT.done, json: published, text: catalogueMarkdown(published) };
  },
};
