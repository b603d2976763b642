import type { PlaceOrderRequest } from '@shop/contracts';
import { z } from 'zod';

const schema = z.object({
  customerId: z.string().min(1).max(100),
  reference: z.string().min(1).max(100),
  amountCents: z.int().positive().max(100_000_000),
});

/** @throws {ZodError} answered with INVALID_ARGUMENT and the fields */
export const validOrder = (request: PlaceOrderRequest): PlaceOrderRequest => schema.parse(request);
