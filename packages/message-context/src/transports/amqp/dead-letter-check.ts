/** How a queue is declared, by amqplib's options or by plain arguments. */
export interface QueueDeclarationLike {
  readonly deadLetterExchange?: string | undefined;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What to warn about a queue whose parked messages the broker would drop, or undefined. A policy on the broker may give the
 * queue its exchange all the same, and that cannot be seen from here: hence a warning, not an error.
 */
export function deadLetterWarning(
  queue: string,
  declared: QueueDeclarationLike | undefined,
): string | undefined {
  const named = declared?.deadLetterExchange ?? declared?.arguments?.['x-dead-letter-exchange'];
  if (named !== undefined) return undefined;
  return (
    `Queue "${queue}" is declared without a dead-letter exchange: what cannot be handled is dropped by the broker unless a policy ` +
    'there says otherwise. Give the queue the argument x-dead-letter-exchange (queueOptions.deadLetterExchange).'
  );
}
