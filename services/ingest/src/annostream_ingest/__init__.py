"""Ingest: takes assets, checks and keeps them.

Owns       assets, their bytes and thumbnails, rejections, uploads on their way
Listens    annostream.annotate.v1    ProjectCreated, ProjectChanged -> a copy of what projects allow
Answers    IngestService             UploadAsset, StreamAssets, CreateUploads, CompleteUploads, GetAsset, …
Announces  annostream.ingest.v1      AssetIngested, AssetRejected, AssetDeleted, AssetPurged
"""
