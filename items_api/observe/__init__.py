"""What a running stack tells: its log, its metrics, its size, and where the AWS console shows it. Writes nothing."""
