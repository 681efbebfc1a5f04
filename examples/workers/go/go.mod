module shm-liveness-worker

go 1.19
