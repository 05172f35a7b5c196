"""What runs in Lambda: an HTTP API over one DynamoDB table, on the standard library alone.

`index` speaks HTTP, `item` turns JSON into DynamoDB's attribute values and back, `dynamodb` holds the table's four
operations, `connection` the one kept connection below them. Nothing here imports from the rest of the package: this
folder is the deployment package.
"""

#: The API's route keys, as API Gateway writes them; provisioning and the OpenAPI document read them here.
#: `{id+}` is greedy because an HTTP API decodes `%2F` before it matches a route: an id with a slash would find none.
ROUTES = (
    "POST /items",
    "GET /items",
    "GET /items/{id+}",
    "PUT /items/{id+}",
    "DELETE /items/{id+}",
)
