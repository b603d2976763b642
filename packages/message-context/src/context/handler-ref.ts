/** Which method handles the message: known from decoration, so it survives binding, wrapping and minified names of functions. */
export interface HandlerRef {
  readonly className: string;
  readonly methodName: string;
}

/** `Class.method`, as it stands in logs and errors. */
export const handlerName = ({ className, methodName }: HandlerRef): string =>
  `${className}.${methodName}`;
