"""Ingest: takes assets, checks and keeps them.

Owns       assets, their bytes and thumbnails, rejections
Listens    annostream.annotate.v1    ProjectCreated, ProjectChanged -> a copy of what projects allow
Answers    IngestService             UploadAsset, StreamAssets, GetAsset, ListAssets, GetAssetUrls, DeleteAssets, …
Announces  annostream.ingest.v1      AssetIngested, AssetRejected, AssetDeleted, AssetPurged
"""
