import type { GrpcFailure } from '../core/failure.js';
import { describe } from '../core/read-safely.js';
import type { GrpcErrorsModuleOptions } from '../grpc-errors.options.js';

export type Localize = NonNullable<GrpcErrorsModuleOptions['localize']>;

/** Puts the words that callers show to people beside those that are for developers. */
export class Localizer {
  constructor(
    private readonly localize: Localize | undefined,
    /** Of failures that do not say whose they are. */
    private readonly domain: string,
    private readonly log: { error(line: string): void },
  ) {}

  /**
   * The same failure in the language of its caller; without words of its own where nobody has any. What it has already is kept.
   *
   * @param languages `de-CH, de;q=0.9`: of the call or the request
   */
  of(failure: GrpcFailure, languages: () => string | undefined): GrpcFailure {
    if (!this.localize || failure.details?.localizedMessage) return failure;
    const locale = firstOf(languages());
    if (locale === undefined) return failure;
    const message = this.#wordsFor(failure, locale);
    return message === undefined
      ? failure
      : { ...failure, details: { ...failure.details, localizedMessage: { locale, message } } };
  }

  #wordsFor({ domain = this.domain, reason, metadata = {} }: GrpcFailure, locale: string) {
    try {
      const words: unknown = this.localize!({ domain, reason }, metadata, locale);
      return typeof words === 'string' && words !== '' ? words : undefined;
    } catch (problem) {
      this.log.error(
        `localize has failed for ${reason} of ${domain} in ${locale}: ${describe(problem)}. The failure is answered without.`,
      );
      return undefined;
    }
  }
}

/** Written by whoever calls: what is no tag of a language is none. */
function firstOf(languages = ''): string | undefined {
  const [first = ''] = languages.split(',', 1);
  const tag = first.split(';', 1)[0]!.trim();
  return /^[a-z]{1,8}(?:-[a-z\d]{1,8}){0,4}$/i.test(tag) ? tag : undefined;
}
