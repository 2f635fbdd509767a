"""What the ports lead to: MongoDB and S3."""
