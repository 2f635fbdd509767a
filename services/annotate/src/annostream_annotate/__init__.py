"""Annotate: hands tasks to annotators and takes their annotations.

Owns       projects and their label schemas, tasks, leases, skips, annotations, drafts
Listens    annostream.ingest.v1      AssetIngested -> tasks open; AssetDeleted, AssetPurged -> they are withdrawn
           annostream.annotate.v1    its own facts -> counts of tasks by state
Answers    AnnotateService           CreateProject, LeaseTasks, SubmitAnnotation, …
Announces  annostream.annotate.v1    ProjectCreated, ProjectChanged, TaskOpened, AnnotationSubmitted, AnnotationRevised,
                                     TaskCompleted, TaskReopened, TaskSkipped, TaskWithdrawn
"""
