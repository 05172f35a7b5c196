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
        metadata = {"HTTPStatusCode": self.status, "RetryAttempts": 0}
        return {"Error": {"Code": self.code, "Message": self.message}, **self.members, "ResponseMetadata": metadata}


_UNKNOWN = "The request processing has failed because of an unknown error, exception or failure."
_THROTTLED = {
    "apigatewayv2": ("TooManyRequestsException", "Too Many Requests"),
    "dynamodb": ("ThrottlingException", "Rate of requests exceeds the allowed throughput."),
    "iam": ("Throttling", "Rate exceeded"),
    "lambda": ("TooManyRequestsException", "Rate exceeded"),
    "logs": ("ThrottlingException", "Rate exceeded"),
    "sts": ("Throttling", "Rate exceeded"),
}
_SERVER_ERROR = {
    "apigatewayv2": ("InternalServerErrorException", "Internal server error"),
    "dynamodb": ("InternalServerError", "The server encountered an internal error trying to fulfill the request."),
    "iam": ("ServiceFailure", _UNKNOWN),
    "lambda": ("ServiceException", "An error occurred and the request cannot be processed."),
    "logs": ("ServiceUnavailableException", "The service cannot complete the request."),
    "sts": ("InternalFailure", _UNKNOWN),
}


def throttled(service: str) -> Refusal:
    members: dict[str, Any] = (
        {"retryAfterSeconds": "1", "Reason": "CallerRateLimitExceeded"} if service == "lambda" else {}
    )
    code, message = _THROTTLED[service]
    return Refusal(code, message, 429 if code == "TooManyRequestsException" else 400, **members)


def server_error(service: str) -> Refusal:
    return Refusal(*_SERVER_ERROR[service], 500)


def denied(service: str, user: str, action: str, resource: str) -> Refusal:
    """See https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html."""
    if service == "sts":
        # GetCallerIdentity needs no permission and no policy can deny it; only bad keys are refused:
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        return Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    why = f"because no identity-based policy allows the {action} action"
    return Refusal(
        "AccessDenied" if service in ("iam", "cloudwatch") else "AccessDeniedException",
        f"User: {user} is not authorized to perform: {action} on resource: {resource} {why}",
        400 if service in ("dynamodb", "logs") else 403,
    )
