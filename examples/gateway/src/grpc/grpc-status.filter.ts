import { status, type ServiceError } from '@grpc/grpc-js';
import {
  Catch,
  HttpException,
  HttpStatus,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';

const httpStatuses: Partial<Record<status, HttpStatus>> = {
  [status.INVALID_ARGUMENT]: HttpStatus.BAD_REQUEST,
  [status.NOT_FOUND]: HttpStatus.NOT_FOUND,
  [status.ABORTED]: HttpStatus.CONFLICT,
  [status.FAILED_PRECONDITION]: HttpStatus.UNPROCESSABLE_ENTITY,
  [status.RESOURCE_EXHAUSTED]: HttpStatus.TOO_MANY_REQUESTS,
  [status.UNAVAILABLE]: HttpStatus.SERVICE_UNAVAILABLE,
  [status.DEADLINE_EXCEEDED]: HttpStatus.GATEWAY_TIMEOUT,
};

/** Answers a failed gRPC call with the HTTP status that means the same. What has no counterpart stays a 500. */
@Catch()
export class GrpcStatusFilter extends BaseExceptionFilter implements ExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    const http = isServiceError(error) ? httpStatuses[error.code] : undefined;
    // oxlint-disable-next-line promise/valid-params -- Nest's catch, not a Promise's
    super.catch(http ? new HttpException((error as ServiceError).details, http) : error, host);
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'code' in error;
}
