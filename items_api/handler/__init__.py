"""The code that runs in Lambda: an HTTP API over one DynamoDB table, using only the standard library.

`index` handles HTTP with `request`, `preconditions`, `paging` and `reply`, `item` converts between JSON and DynamoDB
attribute values, `dynamodb` has the table's four operations, and `connection` the persistent connection they use. This
folder is the deployment package, so nothing here imports from the rest of the project.
"""

#: The table of this deployment. The deployment package of every stack has the name of its own table here.
TABLE_NAME = "Items"

#: The route keys in API Gateway's syntax, shared with provisioning and the OpenAPI document.
#: `{id+}` is greedy: an HTTP API decodes `%2F` before it matches routes, so `{id}` would not match an id with a slash.
ROUTES = (
    "POST /items",
    "GET /items",
    "GET /items/{id+}",
    "PUT /items/{id+}",
    "PATCH /items/{id+}",
    "DELETE /items/{id+}",
)
