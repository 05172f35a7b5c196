"""STS: who is calling."""

from __future__ import annotations

from tests.aws_model.service import Document, Service


class Sts(Service):
    user_id = "AIDAMODELUSER0000DEV"

    @property
    def user(self) -> str:
        return self.place.arn("iam", "user/dev", region="")

    def get_caller_identity(self, p: Document) -> Document:
        del p
        return {"UserId": self.user_id, "Account": self.place.account, "Arn": self.user}
