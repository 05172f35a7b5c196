"""AWS's words for an error: codes, messages and HTTP statuses, service by service.

moto never throttles, never fails and checks no permissions. Sources: the exceptions in botocore's service models; the
"Common Errors" page of each service's API reference; and the messages that hashicorp/terraform-provider-aws
(`internal/service/*`) matches on.
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):  # noqa: N818 - botocore turns it into a ClientError, which is the error
    """An error answer of AWS. Raised by a layer before moto sees the request."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members  # of the error's shape, besides code and message

    def answer(self) -> dict[str, Any]:
        metadata = {"RequestId": "00000000-0000", "HTTPStatusCode": self.status, "HTTPHeaders": {}, "RetryAttempts": 0}
        return {"Error": {"Code": self.code, "Message": self.message}, **self.members, "ResponseMetadata": metadata}


_UNKNOWN = "The request processing has failed because of an unknown error, exception or failure."
_THROTTLED = {
    "apigatewayv2": ("TooManyRequestsException", "Too Many Requests", 429),
    "dynamodb": ("ThrottlingException", "Rate of requests exceeds the allowed throughput.", 400),
    "iam": ("Throttling", "Rate exceeded", 400),
    "lambda": ("TooManyRequestsException", "Rate exceeded", 429),
    "logs": ("ThrottlingException", "Rate exceeded", 400),
    "sts": ("Throttling", "Rate exceeded", 400),
}
_SERVER_ERROR = {
    "apigatewayv2": ("InternalServerErrorException", "Internal server error", 500),
    "dynamodb": ("InternalServerError", "The server encountered an internal error trying to fulfill the request.", 500),
    "iam": ("ServiceFailure", _UNKNOWN, 500),
    "lambda": ("ServiceException", "An error occurred and the request cannot be processed.", 500),
    "logs": ("ServiceUnavailableException", "The service cannot complete the request.", 500),
    "sts": ("InternalFailure", _UNKNOWN, 500),
}
_DENIED = {
    "apigatewayv2": ("AccessDeniedException", 403),
    "cloudwatch": ("AccessDenied", 403),
    "dynamodb": ("AccessDeniedException", 400),
    "iam": ("AccessDenied", 403),
    "lambda": ("AccessDeniedException", 403),
    "logs": ("AccessDeniedException", 400),
}


def throttled(service: str) -> Refusal:
    code, message, status = _THROTTLED[service]
    members = {"retryAfterSeconds": "1", "Reason": "CallerRateLimitExceeded"} if service == "lambda" else {}
    return Refusal(code, message, status, **members)


def server_error(service: str) -> Refusal:
    return Refusal(*_SERVER_ERROR[service])


def denied(service: str, user: str, action: str, resource: str) -> Refusal:
    """See https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html."""
    if service == "sts":
        # GetCallerIdentity needs no permission and no policy can deny it; only bad keys are refused:
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        return Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    code, status = _DENIED[service]
    return Refusal(
        code,
        f"User: {user} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action",
        status,
    )
