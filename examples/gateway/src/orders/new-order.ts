import type { PipeTransform } from '@nestjs/common';
import { z } from 'zod';

/** Only what it takes to send it on: what an order may be, the orders service knows, and says of which field. */
const schema = z.object({
  customerId: z.string(),
  reference: z.string(),
  amountCents: z.int(),
});

/** Body of `POST /orders`. */
export type NewOrder = z.infer<typeof schema>;

export class NewOrderPipe implements PipeTransform<unknown, NewOrder> {
  /** @throws {ZodError} answered with 400 and the fields */
  transform(body: unknown): NewOrder {
    return schema.parse(body);
  }
}
