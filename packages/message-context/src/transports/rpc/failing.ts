import { throwError, type Observable } from 'rxjs';

/**
 * A failure as Nest expects it of a handler: in a stream. What a handler itself throws it answers to nobody, and some of its
 * transports let it end the process.
 */
export const failing = (error: unknown): Observable<never> => throwError(() => error);
