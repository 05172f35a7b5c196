"""The code that runs in Lambda: an HTTP API over one DynamoDB table, using only the standard library.

`index` handles HTTP with `request`, `preconditions`, `paging` and `reply`, `item` converts between JSON and DynamoDB
attribute values, `table` has the table's five operations, `dynamodb` sends them, and `connection` is the persistent
connection. This folder is the deployment package, so nothing here imports from the rest of the project.
"""

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

# The deployment package of every stack ends with the name of its own table here, and with the name of the index on each
# attribute that has one.
TABLE_NAME = "Items"
INDEXES: dict[str, str] = {}
