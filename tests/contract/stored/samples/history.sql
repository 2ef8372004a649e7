BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE chains (
	writer TEXT NOT NULL, 
	link BIGINT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (writer)
);
INSERT INTO "chains" VALUES('vm-17588-ac7e9c',12,'9656314c4a4c26204de441a04781de5e6681f9963c8fa01d0b6d1fef925ed62d','45614dff259e4ded9bc0958ae96935e4',1795721871566077);
CREATE TABLE checkpoints (
	number BIGINT NOT NULL, 
	writer TEXT NOT NULL, 
	link BIGINT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	removed BIGINT NOT NULL, 
	first_at BIGINT NOT NULL, 
	made BIGINT NOT NULL, 
	seal VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "checkpoints" VALUES(1,'vm-17588-ac7e9c',1,'a918094020410d7930f44417a1363f8935dd0577ce4e9ad8a74caf164c5b314d','338744791e19402bba7bf7746b627cad',1795721863310169,0,0,1795721863443081,'81ff9a11b32852d38630eb6eb4818aec80051b37a2f57fe5c2cb82708a6075c5');
INSERT INTO "checkpoints" VALUES(2,'vm-17588-ac7e9c',12,'9656314c4a4c26204de441a04781de5e6681f9963c8fa01d0b6d1fef925ed62d','45614dff259e4ded9bc0958ae96935e4',1795721871566077,0,0,1795721879546288,'459ae45b97f332c7bdffa7ea2f90d31a1dd98c3a6bd1546f53d5b753f857f5db');
CREATE TABLE entries (
	number BIGINT NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	writer TEXT NOT NULL, 
	link BIGINT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	before_digest VARCHAR(64) NOT NULL, 
	before_id VARCHAR(64) NOT NULL, 
	before_at BIGINT NOT NULL, 
	entry TEXT NOT NULL, 
	PRIMARY KEY (number), 
	CONSTRAINT entries_chain UNIQUE (writer, link), 
	UNIQUE (id)
);
INSERT INTO "entries" VALUES(1,'338744791e19402bba7bf7746b627cad',1795721863310169,'vm-17588-ac7e9c',1,'a918094020410d7930f44417a1363f8935dd0577ce4e9ad8a74caf164c5b314d','','',0,'{"id":"338744791e19402bba7bf7746b627cad","record":{"id":"338744791e19402bba7bf7746b627cad","unit":["kustomize.toolkit.fluxcd.io","Kustomization","flux-system","pin"],"unit_uid":"d2381fcf-7b95-4126-a8c4-761b14cc7678","cause":"change","ending":"good","started":"2026-11-26T19:37:41.280543Z","finished":"2026-11-26T19:37:43.310169Z","message":"everything is applied and healthy","tenant":"flux-system","cluster":"in-cluster","namespace":"flux-system","manager":"kustomize-controller","source":"https://github.com/team/shop","path":"pin","revision":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","commit":{"id":"9cfd484462535afe0fb71c844c6721b20acb26a7","tree":"83add3b0ed2f1001d375b88aaec949076e98e0aa","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"message":"first","parents":[],"trailers":[],"pull_request":null},"inputs":"5ba959bbb082a1098d90bd9a66a75a41","objects":"9eb76c1c2d907bd231cd855c7cacad00","changes":[{"group":"","kind":"ConfigMap","namespace":"flux-system","name":"pin","action":"create"}],"steps":[{"name":"heed","seconds":6e-6},{"name":"admit","seconds":4e-6},{"name":"locate","seconds":9e-6},{"name":"join","seconds":1e-6},{"name":"wait_for_dependencies","seconds":1e-6},{"name":"find_inputs","seconds":0.029598},{"name":"compare","seconds":0.000065},{"name":"decide","seconds":3e-6},{"name":"write","seconds":2.029187}]}}');
INSERT INTO "entries" VALUES(2,'e20003c30d7946459cac59c203b1cb89',1795721863426181,'vm-17588-ac7e9c',2,'c3b8b7ce0293ccaba1fbeae12bcfb285abbb5fba8e3a042776968e01ead6e6e2','a918094020410d7930f44417a1363f8935dd0577ce4e9ad8a74caf164c5b314d','338744791e19402bba7bf7746b627cad',1795721863310169,'{"id":"e20003c30d7946459cac59c203b1cb89","record":{"id":"e20003c30d7946459cac59c203b1cb89","unit":["argoproj.io","Application","argocd","app"],"unit_uid":"4096943c-3baf-4ea3-bab2-6dd7cad3ac88","cause":"change","ending":"good","started":"2026-11-26T19:37:41.279967Z","finished":"2026-11-26T19:37:43.426181Z","message":"everything is applied and healthy","tenant":"default","cluster":"in-cluster","namespace":"shop","manager":"argocd-controller","source":"https://github.com/team/shop","path":"app","revision":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","commit":{"id":"9cfd484462535afe0fb71c844c6721b20acb26a7","tree":"83add3b0ed2f1001d375b88aaec949076e98e0aa","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"message":"first","parents":[],"trailers":[],"pull_request":null},"inputs":"5cf69bbba0e26d467d6568d732c6763d","objects":"0a6785e35b38e5f1a540776538b5b97d","changes":[{"group":"","kind":"ConfigMap","namespace":"shop","name":"app","action":"create"}],"steps":[{"name":"heed","seconds":9e-6},{"name":"admit","seconds":6e-6},{"name":"locate","seconds":0.00001},{"name":"join","seconds":4e-6},{"name":"wait_for_dependencies","seconds":2e-6},{"name":"find_inputs","seconds":0.002332},{"name":"compare","seconds":0.032772},{"name":"decide","seconds":9e-6},{"name":"write","seconds":2.146027}]}}');
INSERT INTO "entries" VALUES(3,'3a3b2b7daffb48b4abe83d4a70ced815',1795721863477121,'vm-17588-ac7e9c',3,'db4ab80c3a121fb43186a35251c441ac9a164c696f6810098182614262eda16c','c3b8b7ce0293ccaba1fbeae12bcfb285abbb5fba8e3a042776968e01ead6e6e2','e20003c30d7946459cac59c203b1cb89',1795721863426181,'{"id":"3a3b2b7daffb48b4abe83d4a70ced815","record":{"id":"3a3b2b7daffb48b4abe83d4a70ced815","unit":["kustomize.toolkit.fluxcd.io","Kustomization","flux-system","base"],"unit_uid":"d445165e-707e-44bf-af9d-3a6508ef0936","cause":"change","ending":"good","started":"2026-11-26T19:37:41.325867Z","finished":"2026-11-26T19:37:43.477121Z","message":"everything is applied and healthy","tenant":"flux-system","cluster":"in-cluster","namespace":"flux-system","manager":"kustomize-controller","source":"https://github.com/team/shop","path":"base","revision":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","commit":{"id":"9cfd484462535afe0fb71c844c6721b20acb26a7","tree":"83add3b0ed2f1001d375b88aaec949076e98e0aa","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"message":"first","parents":[],"trailers":[],"pull_request":null},"inputs":"2a930c29dda6406f4e8b0c0460c50a8a","objects":"cd12ae8676bea34c16da92b5ef89433f","changes":[{"group":"","kind":"ConfigMap","namespace":"flux-system","name":"base","action":"create"}],"steps":[{"name":"heed","seconds":5e-6},{"name":"admit","seconds":7e-6},{"name":"locate","seconds":8e-6},{"name":"join","seconds":3e-6},{"name":"wait_for_dependencies","seconds":2e-6},{"name":"find_inputs","seconds":0.071563},{"name":"compare","seconds":0.000142},{"name":"decide","seconds":8e-6},{"name":"write","seconds":2.151114}]}}');
INSERT INTO "entries" VALUES(4,'d6c02206fbe649a6956f26378ea9b295',1795721863527866,'vm-17588-ac7e9c',4,'0ead85ad79156ddb8689ad846d817edbff16c83fd4b23096c37a315e55c855fe','db4ab80c3a121fb43186a35251c441ac9a164c696f6810098182614262eda16c','3a3b2b7daffb48b4abe83d4a70ced815',1795721863477121,'{"id":"d6c02206fbe649a6956f26378ea9b295","record":{"id":"d6c02206fbe649a6956f26378ea9b295","unit":["argoproj.io","Application","argocd","web"],"unit_uid":"806c82f3-12e5-40a7-8431-4bcda2206525","cause":"change","ending":"good","started":"2026-11-26T19:37:41.301209Z","finished":"2026-11-26T19:37:43.527866Z","message":"everything is applied and healthy","tenant":"default","cluster":"in-cluster","namespace":"shop","manager":"argocd-controller","source":"https://github.com/team/shop","path":"argo","revision":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","commit":{"id":"9cfd484462535afe0fb71c844c6721b20acb26a7","tree":"83add3b0ed2f1001d375b88aaec949076e98e0aa","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"message":"first","parents":[],"trailers":[],"pull_request":null},"inputs":"d0e7eec92436fc7194f1a9d4a099ee38","objects":"795c91b0ce2edb780b87d6cd77897de8","images":["web:1"],"changes":[{"group":"apps","kind":"Deployment","namespace":"shop","name":"web","action":"create"}],"steps":[{"name":"heed","seconds":0.00002},{"name":"admit","seconds":0.000017},{"name":"locate","seconds":0.000029},{"name":"join","seconds":0.000011},{"name":"wait_for_dependencies","seconds":7e-6},{"name":"find_inputs","seconds":0.009185},{"name":"compare","seconds":0.018654},{"name":"decide","seconds":0.000024},{"name":"write","seconds":2.134597},{"name":"judge_outcome","seconds":0.079576}]}}');
INSERT INTO "entries" VALUES(5,'c2ae9a930e324c908877f64878ce12ae',1795721863681812,'vm-17588-ac7e9c',5,'d8c4f820b502f7abbe3a0f07c47ed9c1823eb645313d1f903830b7da6eda3c10','0ead85ad79156ddb8689ad846d817edbff16c83fd4b23096c37a315e55c855fe','d6c02206fbe649a6956f26378ea9b295',1795721863527866,'{"id":"c2ae9a930e324c908877f64878ce12ae","record":{"id":"c2ae9a930e324c908877f64878ce12ae","unit":["kustomize.toolkit.fluxcd.io","Kustomization","flux-system","web"],"unit_uid":"2c3cdd65-0228-4628-88c8-a70e7d2f32ac","cause":"change","ending":"good","started":"2026-11-26T19:37:43.525210Z","finished":"2026-11-26T19:37:43.681812Z","message":"everything is applied and healthy","tenant":"flux-system","cluster":"in-cluster","namespace":"flux-system","manager":"kustomize-controller","source":"https://github.com/team/shop","path":"flux","revision":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","commit":{"id":"9cfd484462535afe0fb71c844c6721b20acb26a7","tree":"83add3b0ed2f1001d375b88aaec949076e98e0aa","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"message":"first","parents":[],"trailers":[],"pull_request":null},"inputs":"18b9c38c29a35ed915a5c25878d3924a","objects":"47c003b177ec06f1ce95f185dc52a8ab","images":["web:1"],"changes":[{"group":"apps","kind":"Deployment","namespace":"flux-system","name":"web","action":"create"}],"steps":[{"name":"heed","seconds":0.000061},{"name":"admit","seconds":0.000061},{"name":"locate","seconds":0.000083},{"name":"join","seconds":0.000013},{"name":"wait_for_dependencies","seconds":0.00008},{"name":"find_inputs","seconds":0.012046},{"name":"compare","seconds":0.001616},{"name":"decide","seconds":0.000031},{"name":"write","seconds":0.04274},{"name":"judge_outcome","seconds":0.00039}]}}');
INSERT INTO "entries" VALUES(6,'41722b3b83f94b588abe8d97d672b97d',1795721865702972,'vm-17588-ac7e9c',6,'89424784e1ee4ad0140a4b9381e67aab552d128aa1ff1585fa3180e0ec4b7206','d8c4f820b502f7abbe3a0f07c47ed9c1823eb645313d1f903830b7da6eda3c10','c2ae9a930e324c908877f64878ce12ae',1795721863681812,'{"id":"41722b3b83f94b588abe8d97d672b97d","record":{"id":"41722b3b83f94b588abe8d97d672b97d","unit":["kustomize.toolkit.fluxcd.io","Kustomization","flux-system","pin"],"unit_uid":"d2381fcf-7b95-4126-a8c4-761b14cc7678","cause":"change","ending":"good","started":"2026-11-26T19:37:45.678507Z","finished":"2026-11-26T19:37:45.702972Z","message":"everything is applied and healthy","tenant":"flux-system","cluster":"in-cluster","namespace":"flux-system","manager":"kustomize-controller","source":"https://github.com/team/shop","path":"pin","revision":"main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","previous":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","commit":{"id":"e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","tree":"d433b9db57c208cd7c07894a9aa5c3d128f1a5d9","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"message":"Raise pin and app","parents":["9cfd484462535afe0fb71c844c6721b20acb26a7"],"trailers":[],"pull_request":null},"inputs":"f141d0f9f8c4143b1db6c4bea75ebb06","objects":"efa9b898e1847fa3090ab238a05fac4b","changes":[{"group":"","kind":"ConfigMap","namespace":"flux-system","name":"pin","action":"change","fields":[{"path":"data.key","before":"\"1\"","after":"\"2\""}]}],"steps":[{"name":"heed","seconds":3e-6},{"name":"admit","seconds":3e-6},{"name":"locate","seconds":4e-6},{"name":"join","seconds":1e-6},{"name":"wait_for_dependencies","seconds":1e-6},{"name":"find_inputs","seconds":0.00645},{"name":"compare","seconds":0.000069},{"name":"decide","seconds":3e-6},{"name":"write","seconds":0.0243}]}}');
INSERT INTO "entries" VALUES(7,'e462e686487542a4ac1754f60c6cb69c',1795721865708015,'vm-17588-ac7e9c',7,'dc2717cb06ac31e6eca3586d0c117dda3e8a972fcaa3a4ca23db3011ff0ab904','89424784e1ee4ad0140a4b9381e67aab552d128aa1ff1585fa3180e0ec4b7206','41722b3b83f94b588abe8d97d672b97d',1795721865702972,'{"id":"e462e686487542a4ac1754f60c6cb69c","record":{"id":"e462e686487542a4ac1754f60c6cb69c","unit":["argoproj.io","Application","argocd","app"],"unit_uid":"4096943c-3baf-4ea3-bab2-6dd7cad3ac88","cause":"change","ending":"good","started":"2026-11-26T19:37:45.677609Z","finished":"2026-11-26T19:37:45.708015Z","message":"everything is applied and healthy","tenant":"default","cluster":"in-cluster","namespace":"shop","manager":"argocd-controller","source":"https://github.com/team/shop","path":"app","revision":"main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","previous":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","commit":{"id":"e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","tree":"d433b9db57c208cd7c07894a9aa5c3d128f1a5d9","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"message":"Raise pin and app","parents":["9cfd484462535afe0fb71c844c6721b20acb26a7"],"trailers":[],"pull_request":null},"inputs":"8429472acc9dec4ab519d3240615921b","objects":"aae23a1a217a76bbfc095a6999fe190f","changes":[{"group":"","kind":"ConfigMap","namespace":"shop","name":"app","action":"change","fields":[{"path":"data.key","before":"\"1\"","after":"\"2\""}]}],"steps":[{"name":"heed","seconds":7e-6},{"name":"admit","seconds":6e-6},{"name":"locate","seconds":7e-6},{"name":"join","seconds":2e-6},{"name":"wait_for_dependencies","seconds":1e-6},{"name":"find_inputs","seconds":0.015539},{"name":"compare","seconds":0.000092},{"name":"decide","seconds":6e-6},{"name":"write","seconds":0.030321}]}}');
INSERT INTO "entries" VALUES(8,'79479e9f8f7f4b9fbec085d891212de7',1795721866915101,'vm-17588-ac7e9c',8,'ed722cfb10c10ac9bf9173a05bc299c079ee19fd6aac78718a033a89036f475e','dc2717cb06ac31e6eca3586d0c117dda3e8a972fcaa3a4ca23db3011ff0ab904','e462e686487542a4ac1754f60c6cb69c',1795721865708015,'{"id":"79479e9f8f7f4b9fbec085d891212de7","record":{"id":"79479e9f8f7f4b9fbec085d891212de7","unit":["kustomize.toolkit.fluxcd.io","Kustomization","flux-system","pin"],"unit_uid":"d2381fcf-7b95-4126-a8c4-761b14cc7678","cause":"pin","ending":"good","started":"2026-11-26T19:37:46.899413Z","finished":"2026-11-26T19:37:46.915101Z","message":"everything is applied and healthy","tenant":"flux-system","cluster":"in-cluster","namespace":"flux-system","manager":"kustomize-controller","source":"https://github.com/team/shop","path":"pin","revision":"main@sha1:9cfd484462535afe0fb71c844c6721b20acb26a7","previous":"main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","commit":{"id":"9cfd484462535afe0fb71c844c6721b20acb26a7","tree":"83add3b0ed2f1001d375b88aaec949076e98e0aa","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:40Z"},"message":"first","parents":[],"trailers":[],"pull_request":null},"initiator":"kubernetes-admin","inputs":"5ba959bbb082a1098d90bd9a66a75a41","objects":"9eb76c1c2d907bd231cd855c7cacad00","changes":[{"group":"","kind":"ConfigMap","namespace":"flux-system","name":"pin","action":"change","fields":[{"path":"data.key","before":"\"2\"","after":"\"1\""}]}],"steps":[{"name":"heed","seconds":0.005931},{"name":"admit","seconds":0.000012},{"name":"locate","seconds":0.00002},{"name":"join","seconds":2e-6},{"name":"wait_for_dependencies","seconds":2e-6},{"name":"find_inputs","seconds":0.000144},{"name":"compare","seconds":0.000174},{"name":"decide","seconds":5e-6},{"name":"write","seconds":0.015595}]}}');
INSERT INTO "entries" VALUES(9,'38ac3ddaa54b40d4ae21323fcd9d67dd',1795721871414472,'vm-17588-ac7e9c',9,'7897c56e7b8e3a19557da1d5423691383ef933bd3961e0e24dffc9da9cd21d05','ed722cfb10c10ac9bf9173a05bc299c079ee19fd6aac78718a033a89036f475e','79479e9f8f7f4b9fbec085d891212de7',1795721866915101,'{"id":"38ac3ddaa54b40d4ae21323fcd9d67dd","record":{"id":"38ac3ddaa54b40d4ae21323fcd9d67dd","unit":["argoproj.io","Application","argocd","web"],"unit_uid":"806c82f3-12e5-40a7-8431-4bcda2206525","cause":"change","ending":"returned","started":"2026-11-26T19:37:47.334791Z","finished":"2026-11-26T19:37:51.414472Z","message":"it made this unit unhealthy (Deployment/shop/web: degraded, container web of pod web-7b4b76b8d7-8xltw crash-loops: exit code 1, 1 restart; image web:broken); returned to main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","tenant":"default","cluster":"in-cluster","namespace":"shop","manager":"argocd-controller","source":"https://github.com/team/shop","path":"argo","revision":"main@sha1:9972f38d67e226427d38bbe6d94f6f0699c3e061","previous":"main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","commit":{"id":"9972f38d67e226427d38bbe6d94f6f0699c3e061","tree":"7068a7e56227403ea80c88d7356c18c0bdaa50dc","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:47Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:47Z"},"message":"Break the web","parents":["e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d"],"trailers":[],"pull_request":null},"inputs":"878d63a041e258faa9a9158417351c4f","objects":"dcd45fdbcd6ae98f27edb70f61c6bba2","images":["web:broken"],"changes":[{"group":"apps","kind":"Deployment","namespace":"shop","name":"web","action":"change","fields":[{"path":"spec.template.spec.containers[name=\"web\"].image","before":"\"web:1\"","after":"\"web:broken\""}]}],"steps":[{"name":"heed","seconds":0.000057},{"name":"admit","seconds":0.000047},{"name":"locate","seconds":0.000076},{"name":"join","seconds":0.000012},{"name":"wait_for_dependencies","seconds":9e-6},{"name":"find_inputs","seconds":0.003358},{"name":"compare","seconds":0.000873},{"name":"decide","seconds":0.000021},{"name":"write","seconds":0.019185},{"name":"judge_outcome","seconds":0.012778}]}}');
INSERT INTO "entries" VALUES(10,'0754ba1580e9443ab16398156f1790b4',1795721871452337,'vm-17588-ac7e9c',10,'e6080ec08c7c96650d46223e71f5ec9d2db8731b423c1c9db20aaf52d3ee34e5','7897c56e7b8e3a19557da1d5423691383ef933bd3961e0e24dffc9da9cd21d05','38ac3ddaa54b40d4ae21323fcd9d67dd',1795721871414472,'{"id":"0754ba1580e9443ab16398156f1790b4","record":{"id":"0754ba1580e9443ab16398156f1790b4","unit":["kustomize.toolkit.fluxcd.io","Kustomization","flux-system","web"],"unit_uid":"2c3cdd65-0228-4628-88c8-a70e7d2f32ac","cause":"change","ending":"returned","started":"2026-11-26T19:37:47.335593Z","finished":"2026-11-26T19:37:51.452337Z","message":"it made this unit unhealthy (Deployment/flux-system/web: degraded, container web of pod web-7b4b76b8d7-22fkh crash-loops: exit code 1, 1 restart; image web:broken); returned to main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","tenant":"flux-system","cluster":"in-cluster","namespace":"flux-system","manager":"kustomize-controller","source":"https://github.com/team/shop","path":"flux","revision":"main@sha1:9972f38d67e226427d38bbe6d94f6f0699c3e061","previous":"main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","commit":{"id":"9972f38d67e226427d38bbe6d94f6f0699c3e061","tree":"7068a7e56227403ea80c88d7356c18c0bdaa50dc","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:47Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:47Z"},"message":"Break the web","parents":["e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d"],"trailers":[],"pull_request":null},"inputs":"bfb61b3a2f9574fa29473595bbd70eea","objects":"250a8fd999b1698c010136bd4b08a9a7","images":["web:broken"],"changes":[{"group":"apps","kind":"Deployment","namespace":"flux-system","name":"web","action":"change","fields":[{"path":"spec.template.spec.containers[name=\"web\"].image","before":"\"web:1\"","after":"\"web:broken\""}]}],"steps":[{"name":"heed","seconds":0.000053},{"name":"admit","seconds":0.00006},{"name":"locate","seconds":0.000075},{"name":"join","seconds":0.00001},{"name":"wait_for_dependencies","seconds":0.000049},{"name":"find_inputs","seconds":0.004866},{"name":"compare","seconds":0.000819},{"name":"decide","seconds":0.000018},{"name":"write","seconds":0.038582},{"name":"judge_outcome","seconds":0.020578}]}}');
INSERT INTO "entries" VALUES(11,'96056ba197824513b5a02f69dcec0568',1795721871513580,'vm-17588-ac7e9c',11,'3bb0820840cd6cd0805406400721b576d9e432ec851e84b47cf1e008630cacb8','e6080ec08c7c96650d46223e71f5ec9d2db8731b423c1c9db20aaf52d3ee34e5','0754ba1580e9443ab16398156f1790b4',1795721871452337,'{"id":"96056ba197824513b5a02f69dcec0568","record":{"id":"96056ba197824513b5a02f69dcec0568","unit":["argoproj.io","Application","argocd","web"],"unit_uid":"806c82f3-12e5-40a7-8431-4bcda2206525","cause":"return","ending":"good","started":"2026-11-26T19:37:51.426581Z","finished":"2026-11-26T19:37:51.513580Z","message":"everything is applied and healthy; it went back: it made this unit unhealthy (Deployment/shop/web: degraded, container web of pod web-7b4b76b8d7-8xltw crash-loops: exit code 1, 1 restart; image web:broken)","tenant":"default","cluster":"in-cluster","namespace":"shop","manager":"argocd-controller","source":"https://github.com/team/shop","path":"argo","revision":"main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","previous":"main@sha1:9972f38d67e226427d38bbe6d94f6f0699c3e061","commit":{"id":"e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","tree":"d433b9db57c208cd7c07894a9aa5c3d128f1a5d9","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"message":"Raise pin and app","parents":["9cfd484462535afe0fb71c844c6721b20acb26a7"],"trailers":[],"pull_request":null},"inputs":"d0e7eec92436fc7194f1a9d4a099ee38","objects":"795c91b0ce2edb780b87d6cd77897de8","images":["web:1"],"changes":[{"group":"apps","kind":"Deployment","namespace":"shop","name":"web","action":"change","fields":[{"path":"spec.template.spec.containers[name=\"web\"].image","before":"\"web:broken\"","after":"\"web:1\""}]}],"steps":[{"name":"heed","seconds":0.00002},{"name":"admit","seconds":0.000017},{"name":"locate","seconds":0.000027},{"name":"join","seconds":5e-6},{"name":"wait_for_dependencies","seconds":4e-6},{"name":"find_inputs","seconds":0.001216},{"name":"compare","seconds":0.000385},{"name":"decide","seconds":9e-6},{"name":"write","seconds":0.054336},{"name":"judge_outcome","seconds":0.000105}],"related":"38ac3ddaa54b40d4ae21323fcd9d67dd"}}');
INSERT INTO "entries" VALUES(12,'45614dff259e4ded9bc0958ae96935e4',1795721871566077,'vm-17588-ac7e9c',12,'9656314c4a4c26204de441a04781de5e6681f9963c8fa01d0b6d1fef925ed62d','3bb0820840cd6cd0805406400721b576d9e432ec851e84b47cf1e008630cacb8','96056ba197824513b5a02f69dcec0568',1795721871513580,'{"id":"45614dff259e4ded9bc0958ae96935e4","record":{"id":"45614dff259e4ded9bc0958ae96935e4","unit":["kustomize.toolkit.fluxcd.io","Kustomization","flux-system","web"],"unit_uid":"2c3cdd65-0228-4628-88c8-a70e7d2f32ac","cause":"return","ending":"good","started":"2026-11-26T19:37:51.465504Z","finished":"2026-11-26T19:37:51.566077Z","message":"everything is applied and healthy; it went back: it made this unit unhealthy (Deployment/flux-system/web: degraded, container web of pod web-7b4b76b8d7-22fkh crash-loops: exit code 1, 1 restart; image web:broken)","tenant":"flux-system","cluster":"in-cluster","namespace":"flux-system","manager":"kustomize-controller","source":"https://github.com/team/shop","path":"flux","revision":"main@sha1:e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","previous":"main@sha1:9972f38d67e226427d38bbe6d94f6f0699c3e061","commit":{"id":"e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d","tree":"d433b9db57c208cd7c07894a9aa5c3d128f1a5d9","author":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"committer":{"name":"Trueup","email":"trueup@example.org","when":"2026-11-26T19:37:44Z"},"message":"Raise pin and app","parents":["9cfd484462535afe0fb71c844c6721b20acb26a7"],"trailers":[],"pull_request":null},"inputs":"18b9c38c29a35ed915a5c25878d3924a","objects":"47c003b177ec06f1ce95f185dc52a8ab","images":["web:1"],"changes":[{"group":"apps","kind":"Deployment","namespace":"flux-system","name":"web","action":"change","fields":[{"path":"spec.template.spec.containers[name=\"web\"].image","before":"\"web:broken\"","after":"\"web:1\""}]}],"steps":[{"name":"heed","seconds":2e-6},{"name":"admit","seconds":4e-6},{"name":"locate","seconds":3e-6},{"name":"join","seconds":1e-6},{"name":"wait_for_dependencies","seconds":3e-6},{"name":"find_inputs","seconds":0.000073},{"name":"compare","seconds":0.000097},{"name":"decide","seconds":2e-6},{"name":"write","seconds":0.10051}],"related":"0754ba1580e9443ab16398156f1790b4"}}');
CREATE TABLE mentions (
	term BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	number BIGINT NOT NULL, 
	PRIMARY KEY (term, at, number)
)
 WITHOUT ROWID

;
INSERT INTO "mentions" VALUES(37255310577329255,1795721863310169,1);
INSERT INTO "mentions" VALUES(37255310577329255,1795721865702972,6);
INSERT INTO "mentions" VALUES(37255310577329255,1795721866915101,8);
INSERT INTO "mentions" VALUES(303128445291858882,1795721865702972,6);
INSERT INTO "mentions" VALUES(303128445291858882,1795721865708015,7);
INSERT INTO "mentions" VALUES(303128445291858882,1795721866915101,8);
INSERT INTO "mentions" VALUES(375777306568649306,1795721863310169,1);
INSERT INTO "mentions" VALUES(375777306568649306,1795721863426181,2);
INSERT INTO "mentions" VALUES(375777306568649306,1795721863477121,3);
INSERT INTO "mentions" VALUES(375777306568649306,1795721863527866,4);
INSERT INTO "mentions" VALUES(375777306568649306,1795721863681812,5);
INSERT INTO "mentions" VALUES(375777306568649306,1795721865702972,6);
INSERT INTO "mentions" VALUES(375777306568649306,1795721865708015,7);
INSERT INTO "mentions" VALUES(375777306568649306,1795721866915101,8);
INSERT INTO "mentions" VALUES(375777306568649306,1795721871414472,9);
INSERT INTO "mentions" VALUES(375777306568649306,1795721871452337,10);
INSERT INTO "mentions" VALUES(375777306568649306,1795721871513580,11);
INSERT INTO "mentions" VALUES(375777306568649306,1795721871566077,12);
INSERT INTO "mentions" VALUES(541444853996922263,1795721863477121,3);
INSERT INTO "mentions" VALUES(605958834331640550,1795721871513580,11);
INSERT INTO "mentions" VALUES(1056245977968900331,1795721865702972,6);
INSERT INTO "mentions" VALUES(1056245977968900331,1795721866915101,8);
INSERT INTO "mentions" VALUES(1150359537826080308,1795721863310169,1);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721863310169,1);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721863426181,2);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721863477121,3);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721863527866,4);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721863681812,5);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721865702972,6);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721865708015,7);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721866915101,8);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721871513580,11);
INSERT INTO "mentions" VALUES(1387158305962608607,1795721871566077,12);
INSERT INTO "mentions" VALUES(1601889267952710855,1795721871414472,9);
INSERT INTO "mentions" VALUES(1601889267952710855,1795721871452337,10);
INSERT INTO "mentions" VALUES(1665020307243036638,1795721863681812,5);
INSERT INTO "mentions" VALUES(2093431578185383593,1795721863477121,3);
INSERT INTO "mentions" VALUES(2662437186465514353,1795721871513580,11);
INSERT INTO "mentions" VALUES(2662437186465514353,1795721871566077,12);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721863310169,1);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721863426181,2);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721863477121,3);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721863527866,4);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721863681812,5);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721865702972,6);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721865708015,7);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721871414472,9);
INSERT INTO "mentions" VALUES(2692478611383613311,1795721871452337,10);
INSERT INTO "mentions" VALUES(2818659579323076231,1795721863310169,1);
INSERT INTO "mentions" VALUES(2818659579323076231,1795721865702972,6);
INSERT INTO "mentions" VALUES(2818659579323076231,1795721866915101,8);
INSERT INTO "mentions" VALUES(2925607739471069412,1795721871414472,9);
INSERT INTO "mentions" VALUES(2925607739471069412,1795721871513580,11);
INSERT INTO "mentions" VALUES(2989588625140564152,1795721863527866,4);
INSERT INTO "mentions" VALUES(2989588625140564152,1795721863681812,5);
INSERT INTO "mentions" VALUES(2989588625140564152,1795721871513580,11);
INSERT INTO "mentions" VALUES(2989588625140564152,1795721871566077,12);
INSERT INTO "mentions" VALUES(3063026268937576200,1795721866915101,8);
INSERT INTO "mentions" VALUES(3179816940675196929,1795721871452337,10);
INSERT INTO "mentions" VALUES(3179816940675196929,1795721871566077,12);
INSERT INTO "mentions" VALUES(3486248089676639950,1795721863527866,4);
INSERT INTO "mentions" VALUES(3486248089676639950,1795721863681812,5);
INSERT INTO "mentions" VALUES(3486248089676639950,1795721871414472,9);
INSERT INTO "mentions" VALUES(3486248089676639950,1795721871452337,10);
INSERT INTO "mentions" VALUES(3486248089676639950,1795721871513580,11);
INSERT INTO "mentions" VALUES(3486248089676639950,1795721871566077,12);
INSERT INTO "mentions" VALUES(3758680077017024655,1795721863527866,4);
INSERT INTO "mentions" VALUES(3758680077017024655,1795721871414472,9);
INSERT INTO "mentions" VALUES(3758680077017024655,1795721871513580,11);
INSERT INTO "mentions" VALUES(4101662066631097826,1795721863681812,5);
INSERT INTO "mentions" VALUES(4101662066631097826,1795721871452337,10);
INSERT INTO "mentions" VALUES(4101662066631097826,1795721871566077,12);
INSERT INTO "mentions" VALUES(4382978468583169959,1795721863426181,2);
INSERT INTO "mentions" VALUES(4382978468583169959,1795721865708015,7);
INSERT INTO "mentions" VALUES(4463547371687585145,1795721871414472,9);
INSERT INTO "mentions" VALUES(4463547371687585145,1795721871452337,10);
INSERT INTO "mentions" VALUES(4773528542728387087,1795721863527866,4);
INSERT INTO "mentions" VALUES(4773528542728387087,1795721871414472,9);
INSERT INTO "mentions" VALUES(4773528542728387087,1795721871513580,11);
INSERT INTO "mentions" VALUES(5350665717805576091,1795721863681812,5);
INSERT INTO "mentions" VALUES(5350665717805576091,1795721871452337,10);
INSERT INTO "mentions" VALUES(5350665717805576091,1795721871566077,12);
INSERT INTO "mentions" VALUES(5702303068537591427,1795721863477121,3);
INSERT INTO "mentions" VALUES(6120340686214203761,1795721871414472,9);
INSERT INTO "mentions" VALUES(6120340686214203761,1795721871452337,10);
INSERT INTO "mentions" VALUES(6120340686214203761,1795721871513580,11);
INSERT INTO "mentions" VALUES(6120340686214203761,1795721871566077,12);
INSERT INTO "mentions" VALUES(6281767634033442393,1795721863426181,2);
INSERT INTO "mentions" VALUES(6281767634033442393,1795721865708015,7);
INSERT INTO "mentions" VALUES(6376549620990142972,1795721865708015,7);
INSERT INTO "mentions" VALUES(6761655876797889976,1795721866915101,8);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721863310169,1);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721863426181,2);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721863477121,3);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721863527866,4);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721863681812,5);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721865702972,6);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721865708015,7);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721866915101,8);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721871414472,9);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721871452337,10);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721871513580,11);
INSERT INTO "mentions" VALUES(6775327423099781412,1795721871566077,12);
INSERT INTO "mentions" VALUES(6806467171236553638,1795721863527866,4);
INSERT INTO "mentions" VALUES(6806467171236553638,1795721863681812,5);
INSERT INTO "mentions" VALUES(6806467171236553638,1795721871513580,11);
INSERT INTO "mentions" VALUES(6806467171236553638,1795721871566077,12);
INSERT INTO "mentions" VALUES(7544169280353521468,1795721871566077,12);
INSERT INTO "mentions" VALUES(7696987064613969147,1795721863527866,4);
INSERT INTO "mentions" VALUES(7819227061708108526,1795721863310169,1);
INSERT INTO "mentions" VALUES(7819227061708108526,1795721863426181,2);
INSERT INTO "mentions" VALUES(7819227061708108526,1795721863477121,3);
INSERT INTO "mentions" VALUES(7819227061708108526,1795721863527866,4);
INSERT INTO "mentions" VALUES(7819227061708108526,1795721863681812,5);
INSERT INTO "mentions" VALUES(7819227061708108526,1795721866915101,8);
INSERT INTO "mentions" VALUES(8362522869574765715,1795721865702972,6);
INSERT INTO "mentions" VALUES(8362522869574765715,1795721865708015,7);
INSERT INTO "mentions" VALUES(8362522869574765715,1795721871513580,11);
INSERT INTO "mentions" VALUES(8362522869574765715,1795721871566077,12);
INSERT INTO "mentions" VALUES(8540830540258761315,1795721871414472,9);
INSERT INTO "mentions" VALUES(8540830540258761315,1795721871452337,10);
INSERT INTO "mentions" VALUES(8812682157452086924,1795721871414472,9);
INSERT INTO "mentions" VALUES(8812682157452086924,1795721871452337,10);
INSERT INTO "mentions" VALUES(8832154502909823345,1795721863426181,2);
CREATE TABLE terms (
	id BIGINT NOT NULL, 
	kind SMALLINT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "terms" VALUES(37255310577329255,1,'kustomization/flux-system/pin');
INSERT INTO "terms" VALUES(375777306568649306,2,'trueup <trueup@example.org>');
INSERT INTO "terms" VALUES(1150359537826080308,7,'configmap/flux-system/pin');
INSERT INTO "terms" VALUES(1387158305962608607,9,'good');
INSERT INTO "terms" VALUES(2692478611383613311,10,'change');
INSERT INTO "terms" VALUES(2818659579323076231,6,'configmap/flux-system/pin');
INSERT INTO "terms" VALUES(6775327423099781412,3,'main');
INSERT INTO "terms" VALUES(7819227061708108526,3,'9cfd484462535afe0fb71c844c6721b20acb26a7');
INSERT INTO "terms" VALUES(4382978468583169959,6,'configmap/shop/app');
INSERT INTO "terms" VALUES(6281767634033442393,1,'application/argocd/app');
INSERT INTO "terms" VALUES(8832154502909823345,7,'configmap/shop/app');
INSERT INTO "terms" VALUES(541444853996922263,1,'kustomization/flux-system/base');
INSERT INTO "terms" VALUES(2093431578185383593,6,'configmap/flux-system/base');
INSERT INTO "terms" VALUES(5702303068537591427,7,'configmap/flux-system/base');
INSERT INTO "terms" VALUES(2989588625140564152,5,'1');
INSERT INTO "terms" VALUES(3486248089676639950,4,'web');
INSERT INTO "terms" VALUES(3758680077017024655,6,'deployment/shop/web');
INSERT INTO "terms" VALUES(4773528542728387087,1,'application/argocd/web');
INSERT INTO "terms" VALUES(6806467171236553638,4,'web:1');
INSERT INTO "terms" VALUES(7696987064613969147,7,'deployment/shop/web');
INSERT INTO "terms" VALUES(1665020307243036638,7,'deployment/flux-system/web');
INSERT INTO "terms" VALUES(4101662066631097826,1,'kustomization/flux-system/web');
INSERT INTO "terms" VALUES(5350665717805576091,6,'deployment/flux-system/web');
INSERT INTO "terms" VALUES(303128445291858882,8,'data.key');
INSERT INTO "terms" VALUES(1056245977968900331,7,'configmap/flux-system/pin data.key');
INSERT INTO "terms" VALUES(8362522869574765715,3,'e53f60a617ef6b07a7bc3fcca6aaf7c569e5c63d');
INSERT INTO "terms" VALUES(6376549620990142972,7,'configmap/shop/app data.key');
INSERT INTO "terms" VALUES(3063026268937576200,11,'kubernetes-admin');
INSERT INTO "terms" VALUES(6761655876797889976,10,'pin');
INSERT INTO "terms" VALUES(1601889267952710855,9,'returned');
INSERT INTO "terms" VALUES(2925607739471069412,7,'deployment/shop/web spec.template.spec.containers[name="web"].image');
INSERT INTO "terms" VALUES(4463547371687585145,3,'9972f38d67e226427d38bbe6d94f6f0699c3e061');
INSERT INTO "terms" VALUES(6120340686214203761,8,'spec.template.spec.containers[name="web"].image');
INSERT INTO "terms" VALUES(8540830540258761315,4,'web:broken');
INSERT INTO "terms" VALUES(8812682157452086924,5,'broken');
INSERT INTO "terms" VALUES(3179816940675196929,7,'deployment/flux-system/web spec.template.spec.containers[name="web"].image');
INSERT INTO "terms" VALUES(605958834331640550,13,'38ac3ddaa54b40d4ae21323fcd9d67dd');
INSERT INTO "terms" VALUES(2662437186465514353,10,'return');
INSERT INTO "terms" VALUES(7544169280353521468,13,'0754ba1580e9443ab16398156f1790b4');
CREATE INDEX entries_at ON entries (at, number);
CREATE INDEX terms_value ON terms (kind, value);
COMMIT;
