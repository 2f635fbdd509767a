"""Export: turns finished work into versioned data sets.

Owns       snapshots, exports, redactions, and a read model of projects, tasks and assets
Listens    annostream.ingest.v1      AssetIngested, AssetDeleted, AssetPurged -> read model, redactions
           annostream.annotate.v1    ProjectCreated, …, TaskOpened, …         -> read model
Answers    ExportService             CreateSnapshot, CreateExport, WatchExport, RebuildReadModel, …
Announces  annostream.export.v1      SnapshotPublished, ExportCompleted, ExportFailed
"""
