/** How a queue is declared, by amqplib's options or by plain arguments. */
export interface QueueDeclarationLike {
  readonly deadLetterExchange?: string | undefined;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  /** Nest only: somebody else declares the queue. */
  readonly noAssert?: boolean | undefined;
}

/**
 * What a queue is declared without, so that messages are lost or never leave it. A policy on the broker may give the queue the
 * same, and that cannot be seen from here: hence warnings, not errors. `keepsParked`: what fails often enough is parked by somebody, and
 * needs neither the queue's own dead-letter exchange nor its count.
 */
export function queueWarnings(
  queue: string,
  declared: QueueDeclarationLike | undefined,
  { keepsParked }: { readonly keepsParked: boolean },
): string[] {
  const given = declared?.arguments ?? {};
  const warnings: string[] = [];
  if (
    !keepsParked &&
    (declared?.deadLetterExchange ?? given['x-dead-letter-exchange']) === undefined
  )
    warnings.push(
      `Queue "${queue}" is declared without a dead-letter exchange: what cannot be handled is dropped by the broker unless a policy ` +
        'there says otherwise. Give the queue the argument x-dead-letter-exchange (queueOptions.deadLetterExchange).',
    );
  const isQuorum = given['x-queue-type'] === 'quorum';
  if (!isQuorum && !keepsParked)
    warnings.push(
      `Queue "${queue}" is not declared as a quorum queue: the broker does not count deliveries, so a message whose handler always ` +
        "fails is tried for ever, unless that limits itself (@Idempotent() does: maxAttempts). Give the queue the arguments 'x-queue-type': 'quorum' and 'x-delivery-limit': 20.",
    );
  if (isQuorum && given['x-delivery-limit'] === undefined) {
    const forEver =
      'a message whose handler always fails is tried for ever, unless that limits itself (@Idempotent() does: maxAttempts), and ';
    warnings.push(
      `Queue "${queue}" is declared without a delivery limit: before RabbitMQ 4.0, ${keepsParked ? '' : forEver}what comes back to the ` +
        "queue comes to its end, so that no order survives a restart. Give the queue the argument 'x-delivery-limit': 20.",
    );
  }
  return warnings;
}
