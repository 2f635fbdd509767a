"""A snapshot as it lies in S3: Parquet parts and a manifest."""
