"""What a running stack shows: its log, its metrics, its size, and its pages in the AWS console. Writes nothing."""
